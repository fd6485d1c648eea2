"""The parts of the HTML report, each a function from what the kernels' runs said to markup or data.

Everything a reader sees without clicking is markup made here, so the page reads without a script
too; ``page.js`` adds filters, folding and the panel with a scenario's calls.
"""

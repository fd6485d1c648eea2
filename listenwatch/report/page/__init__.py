"""The parts of the HTML report, which reads without a script too; ``page.js`` adds filters, folding and the panel."""

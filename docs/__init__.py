"""The documentation: pages/ for readers, and what generates the parts of them that come from the code."""

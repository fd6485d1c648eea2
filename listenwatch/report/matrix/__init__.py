"""The reports of a matrix for terminals and programs: the grid, JSON lines, JUnit XML and KTAP."""

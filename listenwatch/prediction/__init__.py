"""The model as a calculator: one listen() on a kernel that need not be here."""

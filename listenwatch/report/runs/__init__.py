"""The outputs of ``verify`` (``sink`` says what each is given), and what the reports of a matrix share with them."""

"""What this kernel offers and what can be attached to it, decided in one place, with how it was found out."""

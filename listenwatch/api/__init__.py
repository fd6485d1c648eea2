"""The public API, below the names that ``import listenwatch`` gives."""

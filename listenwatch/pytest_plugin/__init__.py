"""The pytest plug-in: the fixture ``listenwatch``, ``pytest --listenwatch``, and the marker ``listens``."""

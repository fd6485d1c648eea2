"""One module per command: ``build_parser`` adds its options, ``run`` does it and returns the exit status."""

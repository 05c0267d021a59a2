"""What a company decides: one frozen model per area, read and checked by `config.py` alone."""

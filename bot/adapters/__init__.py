"""Each third-party library meets the core in one place here."""

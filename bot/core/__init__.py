"""The domain: standard library only, no I/O; everything outside is reached through ports."""

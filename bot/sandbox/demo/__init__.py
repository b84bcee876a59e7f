"""The demo: the unmodified bot in a world of stand-ins, joined by its settings alone."""

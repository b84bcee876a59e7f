"""A stand-in for TimescaleDB: an extension in plain SQL, and workers beside the server."""

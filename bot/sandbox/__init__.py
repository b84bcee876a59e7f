"""Stand-ins at the protocol boundary, for demo and tests; the product never imports them."""

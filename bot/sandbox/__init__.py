"""Stand-ins at the protocol boundary, for the demo and the tests; the product never imports them."""

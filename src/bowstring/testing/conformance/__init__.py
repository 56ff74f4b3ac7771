"""What a `Gateway` with its collectors must do, as tests. Start at `bowstring.testing.conformance.suite`."""

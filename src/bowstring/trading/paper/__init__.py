"""Paper trading: orders that are filled on a venue's public feed. Start at `bowstring.trading.paper.gateway`."""

"""Pond, a toy exchange, and what it takes to trade on it: the page "Add an exchange" walks through it."""

"""A human's hand on a running bot: commands by files beside its journal, and what becomes of them."""

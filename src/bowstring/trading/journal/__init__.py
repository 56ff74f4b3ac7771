"""What must outlive the process: intents before they are sent, and all that became of them."""

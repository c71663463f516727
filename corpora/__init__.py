"""Text: where it comes from and what is done to it before anyone learns from it."""

"""What a network knows: its cells and gates, traced, ranked, clamped and drawn."""

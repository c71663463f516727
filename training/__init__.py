"""Models of characters: make, measure, understand. Text and numbers in, a model folder out."""

"""Training: a recipe and photos become weights. Needs torch."""

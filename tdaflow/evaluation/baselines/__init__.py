"""Baselines that need no network, and late fusion with them."""

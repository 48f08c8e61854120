"""Train a Volume PI-Net on a finished run."""

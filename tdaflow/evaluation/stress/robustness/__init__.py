"""What the features and the recorded choice withstand: perturbed test volumes, another resolution."""

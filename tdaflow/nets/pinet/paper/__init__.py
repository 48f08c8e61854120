"""Signal PI-Net and Image PI-Net of Som et al. 2019: ground truth, data, networks, classifiers, experiments."""

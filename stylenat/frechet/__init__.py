"""The Fréchet distance between two sets of features: from moments or from features, with its error. No network here."""

"""What is fitted: augmentation, networks, features, classifiers, fusions."""

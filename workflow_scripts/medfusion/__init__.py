"""The library behind the stage programs: data, networks, classifiers, fusion, evaluation, figures."""

"""From a data set's file to described, checked images."""

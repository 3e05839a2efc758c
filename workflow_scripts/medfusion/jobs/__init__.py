"""What a stage program is: arguments, early cut-off, the record that it leaves."""

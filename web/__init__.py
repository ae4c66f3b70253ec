"""What browsers load: data of the package, imported by nothing."""

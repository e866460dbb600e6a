"""What elements have that ask AWS for something."""

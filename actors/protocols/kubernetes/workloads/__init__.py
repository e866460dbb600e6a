"""What controllers decide, sans-IO: objects in, intentions out."""

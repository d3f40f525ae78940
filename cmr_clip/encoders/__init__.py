"""What turns clips and text into features."""

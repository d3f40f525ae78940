"""The tables that training and inference write: their columns, written and read, one module each."""

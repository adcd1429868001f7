"""What is true of a frame, whoever simulates it: the laws, and how frames and tables lie."""

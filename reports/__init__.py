"""What happened: records of runs, and the pages made from them."""

"""The daily brief: what is new and what is wrong in a day, in lines that a person reads on a phone."""

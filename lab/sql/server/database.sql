-- The database of the lab, in a server of its own
CREATE DATABASE lab;

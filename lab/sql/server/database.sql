-- The database of the lab, in the embedded server
CREATE DATABASE lab;

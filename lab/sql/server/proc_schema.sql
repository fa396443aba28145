-- The schema for the functions that read /proc
CREATE SCHEMA IF NOT EXISTS lab;

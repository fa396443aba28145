-- Make a database of the lesson's, for the role of its application
CREATE DATABASE {database} OWNER shop

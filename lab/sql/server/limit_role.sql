-- Let a role have so many connections at once, and no more
ALTER ROLE {limited} CONNECTION LIMIT {most};

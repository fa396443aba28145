-- Change a setting of the session, as an application does that wants more time for one report
SET statement_timeout = '123s'

CREATE TABLE people (id text PRIMARY KEY, born text, family text, given text);
CREATE TABLE xroad_received (id text PRIMARY KEY);

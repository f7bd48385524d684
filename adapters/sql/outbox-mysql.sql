-- The adapter's own tables. Change the last part for each table whose rows are to be published.
CREATE TABLE xroad_outbox (
    number bigint AUTO_INCREMENT PRIMARY KEY,
    type varchar(255) NOT NULL,
    subject varchar(255),
    body json NOT NULL,
    refused text);
CREATE TABLE xroad_received (id varchar(64) PRIMARY KEY);

CREATE TRIGGER births_inserted AFTER INSERT ON births FOR EACH ROW
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id,
        JSON_OBJECT('id', NEW.id, 'born', NEW.born, 'family', NEW.family, 'given', NEW.given));
CREATE TRIGGER births_updated AFTER UPDATE ON births FOR EACH ROW
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id,
        JSON_OBJECT('id', NEW.id, 'born', NEW.born, 'family', NEW.family, 'given', NEW.given));

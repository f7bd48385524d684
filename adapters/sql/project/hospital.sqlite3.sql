CREATE TABLE births (id text PRIMARY KEY, born text, family text, given text);
CREATE TABLE xroad_outbox (
    number integer PRIMARY KEY AUTOINCREMENT,
    type text NOT NULL,
    subject text,
    body text NOT NULL,
    refused text);
CREATE TRIGGER births_inserted AFTER INSERT ON births BEGIN
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id,
        json_object('id', NEW.id, 'born', NEW.born, 'family', NEW.family, 'given', NEW.given));
END;
CREATE TRIGGER births_updated AFTER UPDATE ON births BEGIN
    INSERT INTO xroad_outbox (type, subject, body) VALUES ('health.birth', NEW.id,
        json_object('id', NEW.id, 'born', NEW.born, 'family', NEW.family, 'given', NEW.given));
END;
INSERT INTO births VALUES ('B-2026-0001', '2026-03-14', 'Rojas', 'Elena');
INSERT INTO births VALUES ('B-2026-0002', '2026-03-15', 'Soto', 'Tomás');

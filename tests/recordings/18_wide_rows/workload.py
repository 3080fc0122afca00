import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from wlib import *

HOST, PORT, SEED = args()
DB = "c18_wide_rows"
c = fresh(DB)
c.run("USE " + DB)
R = rng(SEED, "wide")
class Rep:  # repeated blocks: as big, but it compresses
    def randbytes(self, n):
        return (R.randbytes(4096) * (n // 4096 + 1))[:n]
B = Rep()

KINDS = ["INT", "BIGINT UNSIGNED", "VARCHAR(30)", "DECIMAL(12,3)", "DATETIME(3)", "DOUBLE", "CHAR(8)", "VARBINARY(12)", "TINYINT", "ENUM('a','b','c')"]
def val(k):
    if R.random() < 0.15:
        return None
    return {"INT": lambda: R.randint(-2**31, 2**31 - 1), "BIGINT UNSIGNED": lambda: R.randint(0, 2**64 - 1), "VARCHAR(30)": lambda: text(R, 0, 20),
            "DECIMAL(12,3)": lambda: "%.3f" % R.uniform(-1e8, 1e8), "DATETIME(3)": lambda: "20%02d-%02d-%02d %02d:%02d:%02d.%03d" % (R.randint(0, 99), R.randint(1, 12), R.randint(1, 28), R.randint(0, 23), R.randint(0, 59), R.randint(0, 59), R.randint(0, 999)),
            "DOUBLE": lambda: R.uniform(-1e10, 1e10), "CHAR(8)": lambda: text(R, 0, 8).rstrip(), "VARBINARY(12)": lambda: bytes(R.randrange(256) for _ in range(R.randint(0, 12))),
            "TINYINT": lambda: R.randint(-128, 127), "ENUM('a','b','c')": lambda: R.choice("abc")}[k]()

kinds = [KINDS[i % len(KINDS)] for i in range(500)]
c.run("CREATE TABLE w500 (id INT PRIMARY KEY, " + ", ".join("c%03d %s" % (i, k) for i, k in enumerate(kinds, 1)) + ")")
for n in range(1, 31):
    c.run("INSERT INTO w500 VALUES (" + ",".join([str(n)] + [lit(val(k)) for k in kinds]) + ")")
c.run("INSERT INTO w500 (id) VALUES (100)")
c.run("INSERT INTO w500 (id, c001, c500) VALUES (101, 1, 'b')")
for n in range(1, 11):
    cols = R.sample(range(1, 501), R.choice([1, 2, 50, 400]))
    c.run("UPDATE w500 SET " + ", ".join("c%03d = %s" % (i, lit(val(kinds[i - 1]))) for i in cols) + " WHERE id = %d" % n)
c.run("UPDATE w500 SET c244 = 5.5 WHERE id IN (100, 101)")
c.run("DELETE FROM w500 WHERE id BETWEEN 20 AND 25")
c.run("ALTER TABLE w500 ADD COLUMN extra INT NOT NULL DEFAULT 3 AFTER c250, DROP COLUMN c251, DROP COLUMN c001")
c.run("UPDATE w500 SET c500 = 'c' WHERE id < 5")

c.run("CREATE TABLE w1000 (id BIGINT PRIMARY KEY, " + ", ".join("col_%04d %s" % (i, "SMALLINT" if i % 2 else "VARCHAR(5) NOT NULL DEFAULT 'd%d'" % (i % 1000)) for i in range(1, 1001)) + ")")
for n in range(5):
    c.run("INSERT INTO w1000 (id, " + ", ".join("col_%04d" % i for i in range(1, 1001, 2)) + ") VALUES (" + ",".join(str(x) for x in [n] + [R.randint(-32768, 32767) for _ in range(500)]) + ")")
c.run("UPDATE w1000 SET col_0999 = NULL, col_1000 = 'end' WHERE id < 3")
c.run("DELETE FROM w1000 WHERE id = 4")

c.run("CREATE TABLE idx60 (id INT PRIMARY KEY, " + ", ".join("c%02d %s" % (i, "INT" if i % 3 else "VARCHAR(20)") for i in range(60)) + ", " + ", ".join("KEY k%02d (c%02d, c%02d)" % (i, i, (i + 7) % 60) for i in range(55)) + ")")
for n in range(20):
    c.run("INSERT INTO idx60 VALUES (" + ",".join([str(n)] + [lit(R.randint(0, 9)) if i % 3 else lit(text(R, 0, 10)) for i in range(60)]) + ")")
for n in range(0, 20, 2):
    c.run("UPDATE idx60 SET c05 = %d, c42 = NULL WHERE id = %d" % (R.randint(0, 99), n))
c.run("DELETE FROM idx60 WHERE id > 15")

c.run("CREATE TABLE fat (id INT PRIMARY KEY, a LONGBLOB, b LONGTEXT, c MEDIUMBLOB, d MEDIUMTEXT, e JSON, n INT)")
MB = 1 << 20
c.run("INSERT INTO fat VALUES (%s, %s, %s, %s, %s, %s, %s)", (1, B.randbytes(3 * MB // 2), "x中" * (300 << 10), B.randbytes(MB), "lorem ipsum " * (80 << 10), '{"k": "' + "j" * (MB // 4) + '"}', 1))
c.run("UPDATE fat SET n = 2 WHERE id = 1")
c.run("UPDATE fat SET a = NULL WHERE id = 1")
c.run("UPDATE fat SET a = %s, b = '' WHERE id = 1", (B.randbytes(2 * MB),))
c.run("INSERT INTO fat VALUES (2, %s, NULL, NULL, NULL, NULL, 2)", (bytes(5 * MB),))
c.run("UPDATE fat SET a = '' WHERE id = 2")
c.run("DELETE FROM fat WHERE id = 1")
c.run("CREATE TABLE hundredk (id INT PRIMARY KEY AUTO_INCREMENT, tag VARCHAR(10), b MEDIUMBLOB)")
for n in range(20):
    c.run("INSERT INTO hundredk (tag, b) VALUES (%s, %s)", ("t%d" % n, B.randbytes(100 * 1024)))
c.run("UPDATE hundredk SET tag = 'touched' WHERE id % 2 = 0")
c.run("DELETE FROM hundredk WHERE id % 5 = 0")
STATS.finish()

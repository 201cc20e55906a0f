//! Every variable, in one table: what it is called, what it is when nobody sets it, and what it means.
//!
//! The table is the only list there is. Reading, error sentences, `check-config` and the `.env` examples all come
//! from it, so a variable that is not here does not exist, and one that is here is documented in both languages.

/// A setting, named as in the environment. A configuration file spells the same name in lower case.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Other names that mean the same; the name itself wins.
    pub aliases: &'static [&'static str],
    /// Which part of the product it belongs to.
    pub section: Section,
    /// Whether its value may be shown.
    pub visibility: Visibility,
    /// What holds while it is unset.
    pub unset: Unset,
    /// What it means, in English.
    pub english: &'static str,
    /// What it means, in Chinese.
    pub chinese: &'static str,
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// In error sentences and by `check-config`.
    Public,
    /// Never.
    Secret,
}

/// What holds while a variable is unset. An empty value counts as unset, except where one would be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unset {
    /// This value.
    Default(&'static str),
    /// Nothing; the text is only an example of a value.
    Nothing(&'static str),
    /// A random value, made at the first start and kept in the data folder.
    Generated,
}

/// A part of the product that variables belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Who gets in, and the keys that protect what is stored.
    Access,
    /// The listener.
    Server,
    /// What is written down.
    Logs,
    /// The way to the APIs.
    Upstream,
    /// How long keys rest.
    Rests,
    /// Where durable data is.
    Database,
    /// Where shared, expiring data is.
    Redis,
}

impl Section {
    /// Its headline in English and in Chinese.
    pub fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::Access => ("Access", "访问控制"),
            Self::Server => ("Server", "服务"),
            Self::Logs => ("Logs", "日志"),
            Self::Upstream => ("Upstream APIs", "上游 API"),
            Self::Rests => ("Keys that rest", "密钥休息"),
            Self::Database => ("Database", "数据库"),
            Self::Redis => ("Redis", "Redis"),
        }
    }
}

macro_rules! variables {
    ($($section:ident {$(
        $visibility:ident $name:ident $([$($alias:literal),+])? $unset:ident $(($text:literal))?,
        $english:literal, $chinese:literal;
    )+})+) => {
        $($(
            #[doc = concat!("The variable `", stringify!($name), "`.")]
            pub static $name: Variable = Variable {
                name: stringify!($name),
                aliases: &[$($($alias),+)?],
                section: Section::$section,
                visibility: Visibility::$visibility,
                unset: Unset::$unset $(($text))?,
                english: $english,
                chinese: $chinese,
            };
        )+)+

        /// The whole table, in the order people read it.
        pub static ALL: &[&Variable] = &[$($(&$name),+),+];
    };
}

variables! {
Access {
    Public ADMIN_USERNAME Default("admin"),
        "Name of the admin.",
        "管理员用户名。";
    Secret ADMIN_PASSWORD Generated,
        "Password of the admin: 8 characters or more, or the hash that `api-key-rotator hash-password` prints. \
         Put it in single quotes when it contains $, # or spaces.",
        "管理员密码：至少 8 个字符，或 `api-key-rotator hash-password` 输出的哈希。含有 $、# 或空格时请用单引号括起来。";
    Secret JWT_SECRET Generated,
        "Signs the sessions of the admin API: 32 bytes or more, such as `openssl rand -base64 48` prints.",
        "管理接口会话的签名密钥：至少 32 字节，例如 `openssl rand -base64 48` 的输出。";
    Secret GLOBAL_PROXY_KEYS ["GATEWAY_API_KEYS"] Generated,
        "The proxy keys that clients show, separated by commas; 16 characters or more each. \
         Empty: nobody is let in.",
        "客户端使用的代理密钥，以逗号分隔，每个至少 16 个字符。留空表示拒绝所有请求。";
    Secret ENCRYPTION_KEY Generated,
        "Encrypts the API keys in the database: 32 random bytes in base64 or hex, such as `openssl rand -base64 32` \
         prints, or a passphrase of 16 characters or more. Keep a copy: without it the stored keys are lost.",
        "加密数据库中的 API 密钥：32 个随机字节（base64 或十六进制，例如 `openssl rand -base64 32` 的输出），\
         或至少 16 个字符的口令。请另存一份：丢失后已保存的密钥无法恢复。";
    Secret ENCRYPTION_KEY_PREVIOUS Nothing("the-value-before-the-change"),
        "What ENCRYPTION_KEY was before you changed it; `api-key-rotator rekey` needs it once.",
        "更换 ENCRYPTION_KEY 之前的旧值；执行一次 `api-key-rotator rekey` 后即可删除。";
    Secret METRICS_TOKEN Nothing("a-long-random-text"),
        "Bearer token that opens /metrics to other machines. Unset: only this machine may read it.",
        "允许其他机器读取 /metrics 的 Bearer 令牌。不设置则仅限本机访问。";
}
Server {
    Public BIND_ADDRESS Default("0.0.0.0"),
        "Address to listen on; :: means IPv6 and IPv4.",
        "监听地址；:: 表示同时监听 IPv6 和 IPv4。";
    Public BACKEND_PORT ["PORT"] Default("8000"),
        "Port to listen on; 0 takes a free one.",
        "监听端口；0 表示自动选择空闲端口。";
    Public PROXY_PUBLIC_BASE_URL Nothing("https://rotator.example.com"),
        "The address under which clients reach this server. Unset: http://localhost with the port.",
        "客户端访问本服务的地址。不设置则为 http://localhost 加端口。";
    Public TLS_CERT_FILE Nothing("/etc/rotator/tls.crt"),
        "Certificate chain in PEM; together with TLS_KEY_FILE it turns on TLS. Read again when the file changes.",
        "PEM 格式的证书链；与 TLS_KEY_FILE 同时设置后启用 TLS。文件变化后自动重新加载。";
    Public TLS_KEY_FILE Nothing("/etc/rotator/tls.key"),
        "Private key in PEM of that certificate.",
        "上述证书的 PEM 私钥。";
    Public WORKERS Nothing("2"),
        "Threads that carry requests. Unset: one per processor core.",
        "处理请求的线程数。不设置则每个处理器核心一个。";
    Public MAX_BODY_BYTES Default("50MiB"),
        "Largest request body.",
        "请求体的最大大小。";
    Public SHUTDOWN_DELAY Default("1s"),
        "After SIGTERM, how long /readyz answers 503 and requests are still taken: longer than the period in which load balancers look at it.",
        "收到 SIGTERM 后，/readyz 返回 503 但仍接受请求的时间：应长于负载均衡器的检查间隔。";
    Public DRAIN_TIMEOUT Default("30s"),
        "How long a shutdown then waits for requests that are under way.",
        "之后等待未完成请求的最长时间。";
    Public DEBUG_HEADERS Default("false"),
        "Adds x-rotator-key-id, x-rotator-attempts and x-rotator-overhead-us to answers.",
        "在响应中加入 x-rotator-key-id、x-rotator-attempts 和 x-rotator-overhead-us。";
}
Logs {
    Public LOG_LEVEL Default("info"),
        "off, error, warn, info, debug or trace; or rules such as info,proxy_hyper=debug.",
        "off、error、warn、info、debug 或 trace；也可以是规则，例如 info,proxy_hyper=debug。";
    Public LOG_FORMAT Default("text"),
        "text for people, json for machines.",
        "text 便于阅读，json 便于机器处理。";
    Public REQUEST_LOG_DAYS Default("30"),
        "How many days the request log is kept.",
        "请求日志保留的天数。";
    Public REQUEST_LOG_MAX_BYTES Default("1GiB"),
        "How large the request log may grow; the oldest entries go first.",
        "请求日志的最大大小；超出时先删除最旧的记录。";
}
Upstream {
    Public PROXY_TIMEOUT Default("30s"),
        "How long an API under /proxy may take to begin its answer.",
        "/proxy 下的 API 开始响应的最长时间。";
    Public LLM_TIMEOUT Default("600s"),
        "How long an API under /llm may take to begin its answer.",
        "/llm 下的 API 开始响应的最长时间。";
    Public CONNECT_TIMEOUT Default("10s"),
        "How long a connection to an API may take.",
        "连接上游 API 的最长时间。";
    Public STREAM_IDLE_TIMEOUT Default("300s"),
        "How long an answer may pause.",
        "响应过程中允许的最长停顿时间。";
    Public MAX_ATTEMPTS Default("3"),
        "How many keys one request may try, 1 to 10, unless the service says otherwise.",
        "单个请求最多尝试的密钥数（1 到 10），可被服务自身的设置覆盖。";
    Public UPSTREAM_ADDRESS_POLICY Default("private-ok"),
        "Which addresses APIs may have: public-only, private-ok or any. \
         Cloud metadata and link-local addresses are refused unless any.",
        "允许的上游地址：public-only、private-ok 或 any。除非为 any，否则拒绝云元数据和链路本地地址。";
    Public UPSTREAM_CA_FILE Nothing("/etc/rotator/company-ca.pem"),
        "Certificate authorities in PEM to trust besides the public ones.",
        "除公共根证书外还要信任的 CA 证书（PEM）。";
    Secret HTTP_PROXY ["http_proxy"] Nothing("http://proxy.example.com:3128"),
        "Proxy for http:// APIs.",
        "访问 http:// API 时使用的代理。";
    Secret HTTPS_PROXY ["https_proxy"] Nothing("http://proxy.example.com:3128"),
        "Proxy for https:// APIs.",
        "访问 https:// API 时使用的代理。";
    Public NO_PROXY ["no_proxy"] Nothing("localhost,127.0.0.1,.internal.example.com"),
        "Hosts that are reached without a proxy, separated by commas.",
        "不经过代理的主机，以逗号分隔。";
}
Rests {
    Public KEY_LIMIT_REST Default("5s"),
        "How long a key rests that met a limit, when the API does not say; each further time in a row twice as long.",
        "密钥触发限流而 API 未说明等待时间时的休息时长；连续触发时每次加倍。";
    Public KEY_LIMIT_REST_MAX Default("10m"),
        "The longest of these rests.",
        "上述休息时长的上限。";
    Public KEY_REJECTED_REST Default("1m"),
        "How long a key rests that was not accepted, or whose quota is used up, when the API does not say; then one \
         request tries it. Each further time in a row four times as long.",
        "密钥被拒绝，或额度用尽而 API 未说明等待时间时的休息时长；之后由一个请求试用。连续失败时每次变为四倍。";
    Public KEY_REJECTED_REST_MAX Default("24h"),
        "The longest of these rests.",
        "上述休息时长的上限。";
}
Database {
    Public DATABASE_PATH Default("./data/api_key_rotator.db"),
        "The SQLite file. Its folder also holds the request log and the generated secrets, and with MySQL the last snapshot.",
        "SQLite 数据库文件。其所在目录还保存请求日志和自动生成的密钥；使用 MySQL 时保存最近一次的配置快照。";
    Public RESET_DB_TABLES Default("false"),
        "true deletes all stored data at every start.",
        "设为 true 时，每次启动都会删除所有已保存的数据。";
    Secret DATABASE_URL Nothing("mysql://user:password@tcp(host:3306)/api_key_rotator?charset=utf8mb4"),
        "MySQL or MariaDB instead of SQLite (enterprise build); mysql://user:password@host:3306/database works too. \
         tls or ssl-mode, and ssl-ca, say how the connection is encrypted.",
        "使用 MySQL 或 MariaDB 代替 SQLite（企业版构建）；也可写作 mysql://user:password@host:3306/database。\
         用 tls 或 ssl-mode 以及 ssl-ca 参数指定连接加密方式。";
    Public DB_HOST Nothing("localhost"),
        "MySQL by its parts (enterprise build): the host.",
        "分项设置 MySQL（企业版构建）：主机。";
    Public DB_PORT Default("3306"),
        "MySQL: the port.",
        "MySQL：端口。";
    Public DB_USER Nothing("appdb"),
        "MySQL: the user.",
        "MySQL：用户名。";
    Secret DB_PASSWORD Nothing("the-password-of-that-user"),
        "MySQL: the password.",
        "MySQL：密码。";
    Public DB_NAME Default("api_key_rotator"),
        "MySQL: the database. It is created if the user may.",
        "MySQL：数据库名。若不存在且用户有权限则自动创建。";
    Public DB_TLS Default("preferred"),
        "MySQL: true encrypts and checks the certificate, skip-verify encrypts, preferred encrypts if the server can, \
         false never does.",
        "MySQL：true 加密并校验证书，skip-verify 仅加密，preferred 在服务器支持时加密，false 不加密。";
    Public DB_CA_FILE Nothing("/etc/rotator/mysql-ca.pem"),
        "MySQL: certificate authorities in PEM to trust in place of the public ones.",
        "MySQL：代替公共根证书的 CA 证书（PEM）。";
}
Redis {
    Secret REDIS_URL Nothing("redis://localhost:6379/0"),
        "Redis or Valkey instead of this process's memory, for several instances (enterprise build): \
         redis://user:password@host:6379/0, or rediss:// for TLS.",
        "使用 Redis 或 Valkey 代替进程内存，供多个实例共享（企业版构建）：redis://user:password@host:6379/0，TLS 用 rediss://。";
    Public REDIS_HOST Nothing("localhost"),
        "Redis by its parts (enterprise build): the host.",
        "分项设置 Redis（企业版构建）：主机。";
    Public REDIS_PORT Default("6379"),
        "Redis: the port.",
        "Redis：端口。";
    Public REDIS_USERNAME Nothing("rotator"),
        "Redis: the user, if its ACL has users.",
        "Redis：用户名（使用 ACL 时）。";
    Secret REDIS_PASSWORD Nothing("the-password-of-redis"),
        "Redis: the password.",
        "Redis：密码。";
    Public REDIS_DB Default("0"),
        "Redis: the number of the database.",
        "Redis：数据库编号。";
    Public REDIS_CA_FILE Nothing("/etc/rotator/redis-ca.pem"),
        "Certificate authorities in PEM to trust for rediss://. Unset: the public ones.",
        "rediss:// 所信任的 CA 证书（PEM）。不设置则使用公共根证书。";
    Public REDIS_PREFIX Default("akr:"),
        "What the names of all keys in Redis begin with.",
        "Redis 中所有键名的前缀。";
    Public REDIS_TIMEOUT Default("25ms"),
        "How long a request waits for Redis; then its instance counts by itself.",
        "单个请求等待 Redis 的最长时间；超时后由本实例自行计数。";
    Public ROTATION_LEASE Default("1"),
        "How many turns an instance takes from Redis at a time. 1: keys serve in exact rotation over all instances; \
         16 or 256: Redis is asked less often.",
        "每个实例一次从 Redis 领取的轮次数。1 表示所有实例之间严格轮换；16 或 256 可减少对 Redis 的访问。";
}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_means_two_things() {
        let mut seen = HashSet::new();
        for variable in ALL {
            for name in std::iter::once(&variable.name).chain(variable.aliases) {
                assert!(seen.insert(*name), "{name}");
            }
        }
    }
}

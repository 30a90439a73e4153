//! The regions that the simulated cloud has, after the vendor's product metadata for ECS.

/// A region: its id, its English name, and the mark that ids of its instances carry after `i-`.
pub(crate) struct Region {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) mark: &'static str,
}

const fn region(id: &'static str, name: &'static str, mark: &'static str) -> Region {
    Region { id, name, mark }
}

/// Marks are the vendor's where its own examples show one; `sim` elsewhere.
pub(crate) const REGIONS: &[Region] = &[
    region("ap-northeast-1", "Japan (Tokyo)", "6we"),
    region("ap-northeast-2", "South Korea (Seoul)", "mj7"),
    region("ap-south-1", "India (Mumbai)", "sim"),
    region("ap-southeast-1", "Singapore", "t4n"),
    region("ap-southeast-2", "Australia (Sydney)", "sim"),
    region("ap-southeast-3", "Malaysia (Kuala Lumpur)", "8ps"),
    region("ap-southeast-5", "Indonesia (Jakarta)", "k1a"),
    region("ap-southeast-6", "Philippines (Manila)", "sim"),
    region("ap-southeast-7", "Thailand (Bangkok)", "sim"),
    region("ap-southeast-8", "Malaysia (Johor)", "sim"),
    region("cn-beijing", "China (Beijing)", "2ze"),
    region("cn-beijing-finance-1", "China (Beijing) Finance", "sim"),
    region("cn-chengdu", "China (Chengdu)", "2vc"),
    region("cn-fuzhou", "China (Fuzhou)", "sim"),
    region("cn-guangzhou", "China (Guangzhou)", "7xv"),
    region("cn-hangzhou", "China (Hangzhou)", "bp1"),
    region("cn-heyuan", "China (Heyuan)", "f8z"),
    region("cn-heyuan-acdr-1", "China (Heyuan) ACDR", "sim"),
    region("cn-hongkong", "China (Hong Kong)", "j6c"),
    region("cn-huhehaote", "China (Hohhot)", "hp3"),
    region("cn-nanjing", "China (Nanjing)", "sim"),
    region("cn-north-2-gov-1", "China (Beijing) Government", "sim"),
    region("cn-qingdao", "China (Qingdao)", "m5e"),
    region("cn-shanghai", "China (Shanghai)", "uf6"),
    region("cn-shanghai-finance-1", "China (Shanghai) Finance", "sim"),
    region("cn-shenzhen", "China (Shenzhen)", "wz9"),
    region("cn-shenzhen-finance-1", "China (Shenzhen) Finance", "sim"),
    region("cn-wuhan-lr", "China (Wuhan)", "sim"),
    region("cn-wulanchabu", "China (Ulanqab)", "0jl"),
    region("cn-zhangjiakou", "China (Zhangjiakou)", "8vb"),
    region("cn-zhengzhou-jva", "China (Zhengzhou)", "sim"),
    region("cn-zhongwei", "China (Zhongwei)", "sim"),
    region("eu-central-1", "Germany (Frankfurt)", "gw8"),
    region("eu-west-1", "UK (London)", "d7o"),
    region("me-central-1", "Saudi Arabia (Riyadh)", "sim"),
    region("me-east-1", "UAE (Dubai)", "eb3"),
    region("na-south-1", "Mexico", "sim"),
    region("us-east-1", "US (Virginia)", "0xi"),
    region("us-southeast-1", "US (Atlanta)", "sim"),
    region("us-west-1", "US (Silicon Valley)", "rj9"),
];

/// The regions in which a primary network interface can outlive its instance, after the vendor's page on the retention
/// of network interfaces (help/doc-detail/2938787, as of 2026-02-28).
const RETAINING_PRIMARY: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "cn-beijing",
    "cn-chengdu",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-west-1",
];

pub(crate) fn retains_primary(id: &str) -> bool {
    RETAINING_PRIMARY.contains(&id)
}

pub(crate) fn find(id: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.id == id)
}

/// The region that a regional host name stands for. The vendor's central hosts (`ecs.aliyuncs.com`,
/// `ecs-cn-hangzhou.aliyuncs.com`, `ess.aliyuncs.com`, `actiontrail.aliyuncs.com`) and any other name, a loopback address for example, stand for none.
pub(crate) fn of_host(host: &str) -> Option<&'static Region> {
    let name = host.split(':').next()?;
    let (product, rest) = name.split_once('.')?;
    let region = rest.strip_suffix(".aliyuncs.com")?;
    let products = ["ecs", "ess", "sts", "actiontrail"];
    products.contains(&product.strip_suffix("-vpc").unwrap_or(product)).then(|| find(region)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_three_of_the_regions_retain_primary_interfaces() {
        assert_eq!(RETAINING_PRIMARY.len(), 23);
        assert_eq!(REGIONS.iter().filter(|region| retains_primary(region.id)).count(), 23);
    }

    #[test]
    fn only_regional_host_names_stand_for_a_region() {
        let region = |host| of_host(host).map(|region| region.id);
        assert_eq!(region("ecs.cn-beijing.aliyuncs.com"), Some("cn-beijing"));
        assert_eq!(region("ecs-vpc.eu-central-1.aliyuncs.com:443"), Some("eu-central-1"));
        assert_eq!(region("ess.cn-chengdu.aliyuncs.com"), Some("cn-chengdu"));
        assert_eq!(region("ess-vpc.cn-hangzhou.aliyuncs.com"), Some("cn-hangzhou"));
        assert_eq!(region("actiontrail-vpc.cn-beijing.aliyuncs.com"), Some("cn-beijing"));
        for host in [
            "actiontrail.aliyuncs.com",
            "ecs.aliyuncs.com",
            "ess.aliyuncs.com",
            "ecs-cn-hangzhou.aliyuncs.com",
            "127.0.0.1:8080",
            "localhost",
            "ecs.x.aliyuncs.com",
        ] {
            assert_eq!(region(host), None, "{host}");
        }
    }
}
